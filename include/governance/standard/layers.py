"""The five layers, top to bottom."""

from include.governance.standard.model import Component, Layer, Term

LAYERS = (
    Layer(
        "application",
        Term("Application", "응용 계층"),
        Term("interaction with users, business logic", "사용자와의 상호작용, 비즈니스 로직"),
        (
            Component(
                Term("User interface (web, mobile, API)", "사용자 인터페이스 (웹, 모바일, API)"),
                ("service:airflow-api",), ("include/ui",), ("",),
                points=("23.use",),
            ),
            Component(
                Term("Business logic", "비즈니스 로직"),
                ("check:usecases", "dag:deployment"), ("include/usecases", "include/specification"),
                ("loops/{usecase}",),
            ),
            Component(
                Term("Integration interface", "통합 인터페이스"),
                ("service:gateway", "service:facade"), ("include/gateway", "docker/gateway"), ("rollouts/{usecase}",),
                points=("14.gateway",),
            ),
            Component(
                Term("Monitoring dashboard", "모니터링 대시보드"),
                ("service:prometheus", "table:figures"), ("include/ui", "include/operations"),
                ("monitoring/{usecase}", "loops/{usecase}"),
                points=("19",),
            ),
        ),
    ),
    Layer(
        "engine",
        Term("ML engine", "ML 엔진 계층"),
        Term("serves trained models, infers", "훈련된 모델의 서빙과 추론"),
        (
            Component(
                Term("Model serving", "모델 서빙"),
                ("service:triton", "check:serving"), ("triton_models/pipeline", "include/adapters/model_server.py"),
                ("rollouts/{usecase}",),
                points=("14.servers",),
            ),
            Component(
                Term("Inference engine", "추론 엔진"),
                ("service:triton", "check:releases"), ("triton_models", "include/deployment/packaging.py"),
                ("rollouts/{usecase}",),
            ),
            Component(
                Term("Feature store", "특성 스토어"),
                ("check:offline_store", "check:online_store"), ("feature_repo", "include/adapters/feature_store"),
                ("data/{usecase}", "catalog/"),
                points=("3",),
            ),
            Component(
                Term("Model registry", "모델 레지스트리"),
                ("service:mlflow", "table:approvals"), ("include/adapters/experiment_tracker.py",),
                ("versions/{usecase}", "loops/{usecase}"),
                points=("8",),
            ),
        ),
    ),
    Layer(
        "pipeline",
        Term("ML pipeline", "ML 파이프라인 계층"),
        Term("from data processing to deployment", "데이터 처리부터 배포까지"),
        (
            Component(
                Term("Data processing", "데이터 처리"),
                ("dag:data_pipeline",), ("dags/data_pipeline.py", "include/data"), ("standard/pipelines/{usecase}",),
            ),
            Component(
                Term("Model training", "모델 훈련"),
                ("dag:training",), ("dags/training.py", "include/development"), ("standard/pipelines/{usecase}",),
                points=("7.track",),
            ),
            Component(
                Term("Model evaluation", "모델 평가"),
                ("dag:retrain_evaluation", "table:verdicts"), ("dags/retrain_evaluation.py", "include/evaluation"),
                ("verdicts/{usecase}", "loops/{usecase}"),
                points=("7.compare",),
            ),
            Component(
                Term("Deployment management", "배포 관리"),
                ("dag:deployment", "table:rollout_events"), ("dags/deployment.py", "include/deployment"),
                ("rollouts/{usecase}",),
                points=("13.deploy",),
            ),
        ),
    ),
    Layer(
        "data",
        Term("Data", "데이터 계층"),
        Term("stores and manages data", "데이터의 저장과 관리"),
        (
            Component(
                Term("Data lake", "데이터 레이크"),
                ("check:lake",), ("include/adapters/lake",), ("data/{usecase}", "catalog/"),
                points=("4.versions",),
            ),
            Component(
                Term("Data warehouse", "데이터 웨어하우스"),
                ("check:offline_store",), ("include/adapters/asof", "include/adapters/scan"), ("catalog/",),
                points=("3.offline",),
            ),
            Component(
                Term("Data pipeline", "데이터 파이프라인"),
                ("dag:data_pipeline", "table:gate_results"), ("dags/data_pipeline.py", "include/data"),
                ("standard/pipelines/{usecase}",),
                points=("1.batch",),
            ),
            Component(
                Term("Metadata catalog", "메타데이터 카탈로그"),
                ("dag:catalog", "check:catalog"), ("dags/catalog.py", "include/catalog"), ("catalog/",),
                points=("5",),
            ),
        ),
    ),
    Layer(
        "infrastructure",
        Term("Infrastructure", "인프라 계층"),
        Term("hardware and network", "하드웨어와 네트워크"),
        (
            Component(
                Term("Computing (GPU/TPU)", "컴퓨팅 (GPU/TPU)"),
                ("check:computing", "service:airflow-scheduler"), ("include/orchestration/executor.py",),
            ),
            Component(
                Term("Storage", "스토리지"),
                ("check:storage", "metric:moebius_disk_free_bytes"), ("include/services/disks.py",),
            ),
            Component(
                Term("Network", "네트워크"), ("service:gateway",), ("include/platform/topology.py", "docker/gateway"),
                points=("14.gateway",),
            ),
            Component(
                Term("Security", "보안"),
                ("check:roles", "check:keys", "check:tls", "check:audit_log"), ("include/governance",), ("audit/",),
                points=("6",),
            ),
        ),
    ),
)  # fmt: skip
