"""The three pipelines, stage by stage, each stage joined to tasks of DAG families; and the serving infrastructure."""

from include.governance.standard.model import Component, Pipeline, Stage, Term


def _kind(en: str, ko: str, *probes: str, of: tuple[str, ...] = ()) -> Component:
    return Component(Term(en, ko), probes, of)


DATA = Pipeline(
    "data", Term("Data pipeline", "데이터 파이프라인"),
    (
        Stage(
            "source", Term("Source (DB, API, file)", "소스 (DB, API, 파일)"), modules=("include/adapters",),
            rows="sources",
            parts=(
                _kind("DB", "DB", "spec:sql_source", "dag:data_pipeline"),
                    _kind("API", "API", "spec:http_source", "dag:data_pipeline"),
                _kind("file", "파일", "spec:file_source", "dag:data_pipeline"),
            ),
        ),
        Stage(
            "collection", Term("Collection (batch, streaming)", "수집 (배치, 스트리밍)"),
            ("data_pipeline.catch_up", "data_pipeline.collect", "data_pipeline.look_back"),
            modules=("include/data/ingestion.py",),
            rows="collected",
            parts=(_kind("batch", "배치", "dag:data_pipeline"),
            _kind("streaming", "스트리밍", "spec:streams", "service:consumer")),
        ),
        Stage(
            "processing", Term("Processing (clean, transform)", "처리 (정제, 변환)"),
            ("data_pipeline.gate_raw",), modules=("include/data/processing.py", "include/data/quality.py"),
            rows="gate_raw",
        ),
        Stage(
            "features", Term("Feature engineering", "특성 공학"),
            ("data_pipeline.build_features", "data_pipeline.gate_features"),
            modules=("include/usecases",), rows="gate_features",
        ),
        Stage(
            "store", Term("Feature store (online, offline)", "특성 스토어 (온라인, 오프라인)"),
            ("data_pipeline.publish", "data_pipeline.materialize", "data_pipeline.announce"),
            modules=("feature_repo", "include/adapters/feature_store"), rows="published",
            parts=(_kind("online", "온라인", "check:online_store"),
            _kind("offline", "오프라인", "check:offline_store")),
        ),
    ),
    kinds=(
        _kind("Batch: large, periodic, high throughput", "배치: 대용량, 주기적, 높은 처리량", "dag:data_pipeline",
            of=("dags/data_pipeline.py",)),
        _kind("Streaming: real time, low latency", "스트리밍: 실시간, 낮은 지연", "spec:streams",
            "service:consumer", of=("include/streaming",)),
        _kind("Hybrid (Lambda): both, one serving layer", "하이브리드 (Lambda): 둘 다, 하나의 서빙 계층",
            "spec:streams", "dag:stream_reconciliation",
              of=("include/streaming/reconciliation.py",)),
    ),
)  # fmt: skip

TRAINING = Pipeline(
    "training", Term("Training pipeline", "훈련 파이프라인"),
    (
        Stage(
            "load", Term("Load (loader, augmentation)", "데이터 로드 (로더, 증강)"), ("training.build_dataset",),
            modules=("include/development/datasets/building.py",), rows="dataset",
            parts=(_kind("loader", "로더", "dag:training"), _kind("augmentation", "증강")),
        ),
        Stage(
            "split", Term("Split (random, stratified, time)", "분할 (랜덤, 층화, 시간)"), ("training.build_dataset",),
            modules=("include/development/datasets/splits.py",), rows="dataset",
            parts=(
                _kind("random (by group)", "랜덤 (그룹별)", "spec:split_group", "dag:training"),
                    _kind("stratified", "층화", "spec:split_stratified", "dag:training"),
                _kind("time", "시간", "spec:split_time", "dag:training"),
            ),
        ),
        Stage(
            "model", Term("Model choice", "모델 선택"), ("training.search",), modules=("include/development/search",),
        ),
        Stage(
            "loop", Term("Training loop (optimiser, schedule)", "훈련 루프 (옵티마이저, 스케줄)"),
            ("training.train_local", "training.train_docker"), modules=("include/development/trainers",),
        ),
        Stage(
            "validation", Term("Validation", "검증"), ("retrain_evaluation.compare", "retrain_evaluation.explain"),
            modules=("include/evaluation",), rows="verdict",
        ),
        Stage(
            "save", Term("Save", "저장"), ("training.register_candidate",),
            modules=("include/development/registration.py",),
        ),
    ),
    parts=(
        _kind("Data loader", "데이터 로더", "dag:training", of=("include/development/datasets/building.py",)),
        _kind("Model definition", "모델 정의", "check:usecases", of=("include/development/trainers",)),
        _kind("Optimiser", "옵티마이저", "dag:training", of=("include/development/trainers/torch_fit.py",)),
        _kind("Experiment tracking", "실험 추적", "service:mlflow", of=("include/adapters/experiment_tracker.py",)),
        _kind("Distributed training (data parallel)", "분산 훈련 (데이터 병렬)"),
        _kind("Distributed training (model parallel)", "분산 훈련 (모델 병렬)"),
    ),
)  # fmt: skip

INFERENCE = Pipeline(
    "inference", Term("Inference pipeline", "추론 파이프라인"),
    (
        Stage("request", Term("Request", "요청"), probes=("service:triton",), modules=("triton_models/pipeline",),
        rows="requests"),
        Stage("preprocessing", Term("Preprocessing", "전처리"), probes=("check:serving",),
        modules=("include/deployment/pipeline.py",)),
        Stage(
            "lookup", Term("Feature lookup", "특성 조회"), probes=("check:online_store",),
            modules=("include/deployment/looked_up.py",),
            rows="lookups",
        ),
        Stage("inference", Term("Inference", "추론"), probes=("service:triton", "check:releases"),
        modules=("triton_models",)),
        Stage("postprocessing", Term("Postprocessing", "후처리"), probes=("check:serving",),
        modules=("include/families/serving.py",)),
        Stage("response", Term("Response", "응답"), probes=("table:predictions",),
        modules=("include/adapters/prediction_log.py",), rows="answers"),
    ),
    kinds=(
        _kind("Real time: under 100 ms, REST, gRPC", "실시간: 100 ms 미만, REST, gRPC", "service:triton",
            "check:serving", of=("triton_models",)),
        _kind("Batch", "배치", "dag:batch_inference", of=("dags/batch_inference.py",)),
        _kind("Streaming: event based", "스트리밍: 이벤트 기반", "spec:stream_scoring", "service:consumer",
            of=("include/streaming/scoring.py",)),
        _kind("Edge: light model on the device", "엣지: 기기의 경량 모델", "check:edge",
            of=("include/deployment/edge.py",)),
    ),
)  # fmt: skip

PIPELINES = (DATA, TRAINING, INFERENCE)

SERVING = (
    Component(
        Term("Model server (load, answer)", "모델 서버 (로드, 응답)"), ("service:triton",),
        ("include/adapters/model_server.py",),
        ("rollouts/{usecase}",),
    ),
    Component(
        Term("API gateway (routing, authentication, rate limits)", "API 게이트웨이 (라우팅, 인증, 속도 제한)"),
        ("service:gateway", "service:facade"), ("docker/gateway/haproxy.cfg", "include/gateway"),
    ),
    Component(
        Term("Load balancer (spread, health checks, autoscaling)", "로드밸런서 (분산, 상태 확인, 오토스케일링)"),
        ("service:gateway",), ("docker/gateway/models.lua",),
    ),
)  # fmt: skip
