"""The types of machine learning that the standard names; which use case is of which is a fact of its spec."""

from include.governance.standard.model import Kind, LearningType, Term

LEARNING_TYPES = (
    LearningType(
        "supervised",
        Term("Supervised learning", "지도 학습"),
        Term("prediction from labelled examples", "라벨이 있는 예제로 예측"),
        (
            Kind(Term("Classification", "분류"), "predicts_class"),
            Kind(Term("Regression", "회귀"), "predicts_value"),
        ),
    ),
    LearningType(
        "unsupervised",
        Term("Unsupervised learning", "비지도 학습"),
        Term("groups and structure without labels", "라벨 없이 그룹과 구조를 찾음"),
        (
            Kind(Term("Clustering", "클러스터링"), "predicts_cluster"),
            Kind(Term("Dimension reduction", "차원 축소"), "dimension_reduction"),
        ),
    ),
    LearningType(
        "reinforcement",
        Term("Reinforcement learning", "강화 학습"),
        Term("actions that are rewarded", "보상을 얻는 행동을 학습"),
        (
            Kind(Term("Agent", "에이전트")),
            Kind(Term("Policy", "정책")),
        ),
    ),
    LearningType(
        "deep",
        Term("Deep learning", "딥러닝"),
        Term("images, series and texts by neural networks", "신경망으로 이미지, 시계열, 텍스트 처리"),
        (
            Kind(Term("CNN", "CNN"), "cnn"),
            Kind(Term("RNN", "RNN"), "rnn"),
            Kind(Term("Transformer", "Transformer"), "transformer"),
        ),
    ),
)
