"""The component mapping: its rows, and the detailed functions that each names."""

from include.governance.standard.groups import DATA_MANAGEMENT, MODEL_DEPLOYMENT, MODEL_DEVELOPMENT, MODEL_OPERATIONS
from include.governance.standard.model import Component, Function, Row, Term

QUALITY_ATTRIBUTES = Term("Quality attributes", "품질 속성")
INFRASTRUCTURE = Term("Infrastructure", "인프라")
PIPELINE, SEEN = "standard/pipelines/{usecase}", "monitoring/{usecase}"


def _part(en: str, ko: str, *probes: str, of: tuple[str, ...] = (), points: tuple[str, ...] = ()) -> Component:
    return Component(Term(en, ko), probes, of, points=points)


ROWS = (
    Row(
        DATA_MANAGEMENT,
        Component(
            Term("Data collection and processing", "데이터 수집/처리"),
            modules=("include/data", "dags/data_pipeline.py"),
            pages=("data/{usecase}", PIPELINE),
        ),
        (
            Function(Term("Collection", "수집"), (
                _part("batch", "배치", "table:collections", of=("include/data/ingestion.py",), points=("1.batch",)),
                _part("streaming", "스트리밍", "service:consumer", "spec:streams",
                    of=("include/streaming",), points=("1.streaming",)),
                _part("API", "API", "spec:http_source", "dag:data_pipeline",
                    of=("include/adapters/http_source.py",), points=("1.api",)),
                _part("crawling", "크롤링"),
            )),
            Function(Term("Processing", "처리"), (
                _part("cleaning, transformation", "정제/변환", "dag:data_pipeline",
                    of=("include/data/processing.py",)),
                _part("feature extraction", "특성 추출", "check:offline_store",
                    of=("include/usecases",), points=("3.offline",)),
                _part("labelling", "라벨링", "spec:labelling", "dag:labelling", of=("dags/labelling.py",)),
                _part("augmentation", "증강"),
            )),
        ),
    ),
    Row(
        DATA_MANAGEMENT,
        Component(
            Term("Data quality validation", "데이터 품질 검증"),
            modules=("include/data/quality.py", "great_expectations"),
            pages=("data/{usecase}", "loops/{usecase}"),
        ),
        (
            Function(Term("Quality", "품질"), (
                _part("completeness", "완전성", "check:suite_completeness", "table:gate_results",
                    points=("2.completeness",)),
                _part("consistency", "일관성", "check:suite_consistency", "table:gate_results",
                    points=("2.consistency",)),
                _part("accuracy", "정확성", "check:suite_accuracy", "table:gate_results", points=("2.accuracy",)),
            )),
        ),
    ),
    Row(
        DATA_MANAGEMENT,
        Component(
            Term("Metadata catalog (data sheet)", "메타데이터 카탈로그 (데이터 시트)"),
            modules=("include/catalog",), pages=("catalog/",)
        ),
        (
            Function(Term("Catalog", "카탈로그"), (
                _part("search and lineage", "검색과 계보", "check:catalog",
                    of=("include/catalog/lineage.py",), points=("5.search", "5.lineage")),
                _part("data sheet", "데이터 시트", "check:data_sheets",
                    of=("include/catalog/data_sheet.py",), points=("5.data_map",)),
            )),
            Function(Term("Versions", "버전"), (
                _part("snapshot", "스냅샷", "check:offline_store",
                    of=("include/data/manifests.py",), points=("4.versions",)),
                _part("change history", "변경 이력", "check:lake",
                    of=("include/data/difference.py",), points=("4.history",)),
                _part("rollback", "롤백", "form:data_versions.operation=restore",
                    of=("include/data/versioning.py",), points=("4.rollback",)),
            )),
        ),
    ),
    Row(
        MODEL_DEVELOPMENT,
        Component(
            Term("Experiment management and tracking", "실험 관리/추적"),
            modules=("include/adapters/experiment_tracker.py",),
            pages=("versions/{usecase}", PIPELINE),
        ),
        (
            Function(Term("Experiments", "실험"), (
                _part("design", "설계", "check:usecases", of=("include/specification/learning.py",)),
                _part("tracking", "추적", "service:mlflow", points=("7.track",)),
                _part("comparison", "비교", "table:verdicts",
                    of=("include/evaluation/four_comparisons.py",), points=("7.compare",)),
                _part("reproducibility", "재현성", "table:approvals",
                    of=("include/development/reproduction.py",), points=("7.reproduce",)),
            )),
            Function(Term("Training", "훈련"), (
                _part("distributed", "분산"),
                _part("incremental", "증분", "form:training.start_from=champion",
                    of=("include/development/trainers/torch_start.py",)),
                _part("transfer", "전이"),
            )),
            Function(Term("Tuning", "튜닝"), (
                _part("grid", "그리드", "form:training.sampler=grid",
                    of=("include/development/search",), points=("11.grid",)),
                _part("random", "랜덤", "form:training.sampler=random",
                    of=("include/development/search",), points=("11.random",)),
                _part("Bayesian", "베이지안", "form:training.sampler=tpe",
                    of=("include/development/search",), points=("11.bayesian",)),
                _part("AutoML", "AutoML", points=("11.automl",)),
            )),
        ),
    ),
    Row(
        MODEL_DEVELOPMENT,
        Component(
            Term("Evaluation and interpretation", "평가/해석"),
            modules=("include/evaluation", "include/development/explanation.py"),
            pages=("verdicts/{usecase}", "loops/{usecase}"),
        ),
        (
            Function(Term("Evaluation", "평가"), (
                _part("metrics", "평가 지표", "table:verdicts",
                    of=("include/evaluation/metrics.py",), points=("10.performance",)),
                _part("SHAP", "SHAP", "dag:training",
                    of=("include/development/explanation.py",), points=("12.shap",)),
                _part("LIME", "LIME", "check:cards", of=("include/development/surrogates.py",), points=("12.lime",)),
                _part("bias", "편향", "spec:fairness", "table:verdicts",
                    of=("include/evaluation/fairness.py",), points=("10.bias",)),
            )),
        ),
    ),
    Row(
        MODEL_DEVELOPMENT,
        Component(
            Term("Model documentation (model card)", "모델 문서화 (모델 카드)"),
            modules=("include/development/card",),
            pages=("versions/{usecase}",),
        ),
        (
            Function(Term("Documentation", "문서화"), (
                _part("model card", "모델 카드", "check:cards", of=("include/development/card",), points=("10",)),
                _part("evidence bundle", "증거 묶음", "check:evidence",
                    of=("include/governance/compliance",), points=("26.documents",)),
            )),
        ),
    ),
    Row(
        MODEL_DEPLOYMENT,
        Component(
            Term("Model packaging and serving", "모델 패키징/서빙"), modules=("include/deployment", "triton_models"),
            pages=("rollouts/{usecase}",),
        ),
        (
            Function(Term("Packaging", "패키징"), (
                _part("container", "컨테이너", "check:containers", of=("docker/training",)),
                _part("serialisation", "직렬화", "check:releases",
                    of=("include/deployment/packaging.py",), points=("13.build",)),
                _part("dependencies", "의존성", "check:bom", of=("include/deployment/bom.py",), points=("8.metadata",)),
            )),
            Function(Term("Serving", "서빙"), (
                _part("REST", "REST", "service:facade", of=("include/gateway/facade.py",)),
                _part("gRPC", "gRPC", "service:triton", of=("triton_models",), points=("14.servers",)),
                _part("batch", "배치", "dag:batch_inference", of=("dags/batch_inference.py",)),
                _part("streaming", "스트리밍", "spec:stream_scoring", "service:consumer",
                    of=("include/streaming/scoring.py",)),
            )),
        ),
    ),
    Row(
        MODEL_DEPLOYMENT,
        Component(
            Term("Deployment strategy (canary, A/B)", "배포 전략 (카나리, A/B)"),
            modules=("include/deployment/rollout.py",),
            pages=("rollouts/{usecase}",),
        ),
        (
            Function(Term("Strategies", "전략"), (
                _part("blue-green", "블루-그린", "spec:blue_green", "dag:deployment", points=("15.blue_green",)),
                _part("canary", "카나리", "spec:canary", "dag:deployment",
                    of=("include/loop/rollout.py",), points=("15.canary",)),
                _part("A/B", "A/B", "spec:ab_test", "dag:deployment",
                    of=("include/deployment/ab_readout.py",), points=("15.ab_test",)),
            )),
            Function(Term("Rollback", "롤백"), (
                _part("automatic", "자동", "dag:deployment",
                    of=("include/orchestration/rollout.py",), points=("16.automatic",)),
                _part("manual", "수동", "dag:rollback", of=("dags/rollback.py",), points=("16.manual",)),
                _part("criteria", "기준", "spec:abort", "dag:deployment",
                    of=("include/deployment/judgement.py",), points=("16.criteria",)),
            )),
        ),
    ),
    Row(
        MODEL_DEPLOYMENT,
        Component(
            Term("Model registry", "모델 레지스트리"), modules=("include/services/approvals.py",),
            pages=("versions/{usecase}", "approvals/{usecase}", "loops/{usecase}"),
        ),
        (
            Function(Term("Registry", "레지스트리"), (
                _part("versions and metadata", "버전과 메타데이터", "service:mlflow",
                    of=("include/adapters/experiment_tracker.py",), points=("8.versions", "8.metadata")),
                _part("approval", "승인", "table:approvals",
                    of=("include/governance/approval.py",), points=("8.approval",)),
            )),
        ),
    ),
    Row(
        MODEL_OPERATIONS,
        Component(
            Term("Performance monitoring", "성능 모니터링"), modules=("include/operations/performance/performance.py",),
            pages=(SEEN, "loops/{usecase}"),
        ),
        (
            Function(Term("Performance", "성능"), (
                _part("latency", "지연 시간", "metric:moebius_latency_rows_total", points=("19.latency",)),
                _part("throughput", "처리량", "metric:moebius_requests_total", points=("19.throughput",)),
                _part("accuracy", "정확도", "table:figures",
                    of=("include/operations/monitoring/monitoring.py",), points=("19.accuracy",)),
                _part("resources", "자원", "metric:moebius_process_up", "metric:moebius_disk_free_bytes",
                    points=("19.resources",)),
            )),
            Function(Term("Alerts", "알림"), (
                _part("threshold", "임계값", "check:alert_rules",
                    of=("include/operations/alerts/usecase_alerts.py",), points=("21.rules",)),
                _part("anomaly", "이상 탐지", "table:period_profiles",
                    of=("include/evaluation/guard",), points=("21.anomalies",)),
                _part("escalation", "에스컬레이션", "check:notices",
                    of=("include/orchestration/notices.py",), points=("21.escalation",)),
            )),
        ),
    ),
    Row(
        MODEL_OPERATIONS,
        Component(
            Term("Drift detection", "드리프트 감지"), modules=("include/operations/drift/drift.py",),
            pages=(SEEN, "loops/{usecase}")
        ),
        (
            Function(Term("Drift", "드리프트"), (
                _part("data", "데이터", "table:figures",
                    of=("include/operations/drift/drift_figures.py",), points=("20.data",)),
                _part("concept", "개념", "table:block_losses",
                    of=("include/operations/performance/concept.py",), points=("20.concept",)),
                _part("prediction", "예측", "table:figures",
                    of=("include/operations/drift/drift.py",), points=("20.model",)),
                _part("feature", "특성", "table:figures",
                    of=("include/evaluation/divergence.py",), points=("20.feature",)),
            )),
        ),
    ),
    Row(
        MODEL_OPERATIONS,
        Component(
            Term("Retraining and governance", "재훈련/거버넌스"),
            modules=("include/operations/retraining/retraining.py", "include/governance"),
            pages=("alerts/{usecase}", "loops/{usecase}"),
        ),
        (
            Function(Term("Retrain triggers", "재훈련 트리거"), (
                _part("schedule", "일정", "spec:retrain_schedule", "dag:retrain_trigger", of=("dags/monitoring.py",)),
                _part(
                    "performance", "성능", "dag:retrain_trigger", of=("include/operations/retraining/retraining.py",)
                ),
                _part("drift", "드리프트", "dag:retrain_trigger", of=("include/operations/retraining/causes.py",)),
            )),
            Function(Term("Governance", "거버넌스"), (
                _part("decisions on record", "의사결정 기록", "table:decisions", points=("22.trigger",)),
                _part("approval", "승인", "table:approvals",
                    of=("include/governance/approval.py",), points=("27.record",)),
            )),
        ),
    ),
    Row(
        QUALITY_ATTRIBUTES,
        Component(
            Term("Performance, scalability, reliability", "성능/확장성/신뢰성"),
            modules=("docs/benchmarks.md", "docs/reliability.md"),
            pages=(SEEN,),
        ),
        (
            Function(Term("Attributes", "속성"), (
                _part("performance", "성능", "metric:moebius_latency_rows_total"),
                _part("scalability", "확장성", "check:model_servers",
                    of=("docker/gateway/haproxy.cfg",), points=("18.balancing",)),
                _part("reliability", "신뢰성", "service:keeper", "service:supervisord",
                    of=("include/processes/keeper",), points=("17.health",)),
            )),
        ),
    ),
    Row(
        QUALITY_ATTRIBUTES,
        Component(
            Term("Security", "보안"), modules=("include/governance",), pages=("access/", "audit/")
        ),
        (
            Function(Term("Attributes", "속성"), (
                _part("access control", "접근 제어", "check:roles",
                    of=("include/governance/routes.py",), points=("6.access",)),
                _part("encryption in transit", "전송 암호화", "check:tls",
                    of=("docker/gateway/haproxy.cfg",), points=("6.in_transit",)),
                _part("keys and pseudonyms", "키와 가명 처리", "check:keys",
                    of=("include/contracts/pseudonyms.py",), points=("6.pseudonyms",)),
                _part("audit log", "감사 로그", "check:audit_log",
                    of=("include/adapters/audit_log",), points=("23.integrity",)),
            )),
        ),
    ),
    Row(
        INFRASTRUCTURE,
        Component(
            Term("Computing, storage, network", "컴퓨팅/스토리지/네트워크"), modules=("include/platform/topology.py",)
        ),
        (
            Function(Term("Infrastructure", "인프라"), (
                _part("computing", "컴퓨팅", "check:computing", "service:airflow-scheduler"),
                _part("storage", "스토리지", "check:storage", of=("include/services/disks.py",)),
                _part("network", "네트워크", "service:gateway", of=("docker/gateway",), points=("14.gateway",)),
            )),
        ),
    ),
)  # fmt: skip
