"""The four functional groups of six components each."""

from include.governance.standard.model import Component, Group, Term

DATA_MANAGEMENT = Term("Data management", "데이터 관리")
MODEL_DEVELOPMENT = Term("Model development", "모델 개발")
MODEL_DEPLOYMENT = Term("Model deployment", "모델 배포")
MODEL_OPERATIONS = Term("Model operations", "모델 운영")

GROUPS = (
    Group("data_management", DATA_MANAGEMENT, (
        Component(
            Term("Data collection", "데이터 수집"),
            ("dag:data_pipeline", "table:collections"), ("include/data/ingestion.py",),
            ("data/{usecase}", "standard/pipelines/{usecase}"),
            points=("1",),
        ),
        Component(
            Term("Data processing", "데이터 처리"),
            ("dag:data_pipeline",), ("include/data/processing.py", "include/usecases"),
            ("standard/pipelines/{usecase}",),
        ),
        Component(
            Term("Data quality validation", "데이터 품질 검증"),
            ("table:gate_results",), ("include/data/quality.py", "great_expectations"),
            ("data/{usecase}", "loops/{usecase}"),
            points=("2",),
        ),
        Component(
            Term("Data version management", "데이터 버전 관리"),
            ("dag:data_versions", "check:offline_store"), ("include/data/versioning.py",),
            ("versions/{usecase}", "catalog/"),
            points=("4",),
        ),
        Component(
            Term("Metadata catalog", "메타데이터 카탈로그"), ("dag:catalog", "check:catalog"), ("include/catalog",),
            ("catalog/",),
            points=("5",),
        ),
        Component(
            Term("Data security/privacy", "데이터 보안/프라이버시"),
            ("check:roles", "check:keys", "dag:privacy_audit"),
            ("include/governance/privacy.py", "include/governance/access.py"),
            ("access/", "compliance/"),
            points=("6",),
        ),
    )),
    Group("model_development", MODEL_DEVELOPMENT, (
        Component(
            Term("Experiment tracking", "실험 추적 시스템"), ("service:mlflow",),
            ("include/adapters/experiment_tracker.py",),
            ("versions/{usecase}",),
            points=("7",),
        ),
        Component(
            Term("Model registry", "모델 레지스트리"), ("service:mlflow", "table:approvals"),
            ("include/services/approvals.py",), ("versions/{usecase}", "loops/{usecase}"),
            points=("8",),
        ),
        Component(
            Term("Automated tests", "자동화된 테스트"), ("check:release_tests",),
            ("include/development/behaviour.py", "include/deployment/predeployment.py", "tests"),
            ("verdicts/{usecase}",),
            points=("9",),
        ),
        Component(
            Term("Model documentation", "모델 문서화"), ("check:cards",), ("include/development/card",),
            ("versions/{usecase}",),
            points=("10",),
        ),
        Component(
            Term("Hyperparameter optimisation", "하이퍼파라미터 최적화"),
            ("form:training.sampler=tpe", "service:mlflow"),
            ("include/development/search",), ("standard/pipelines/{usecase}",),
            points=("11",),
        ),
        Component(
            Term("Interpretability", "모델 해석성 도구"), ("dag:training", "dag:predictions_of"),
            ("include/development/explanation.py",), ("predictions/{usecase}",),
            points=("12",),
        ),
    )),
    Group("model_deployment", MODEL_DEPLOYMENT, (
        Component(
            Term("CI/CD pipeline", "CI/CD 파이프라인"), ("dag:deployment", "check:releases"),
            ("dags/deployment.py", ".ci/run"),
            ("rollouts/{usecase}",),
            points=("13",),
        ),
        Component(
            Term("Serving infrastructure", "모델 서빙 인프라"), ("service:triton", "check:serving"),
            ("triton_models",),
            ("rollouts/{usecase}",),
            points=("14",),
        ),
        Component(
            Term("Deployment strategy", "배포 전략"), ("table:rollout_events", "spec:canary", "spec:ab_test"),
            ("include/deployment/rollout.py",), ("rollouts/{usecase}",),
            points=("15",),
        ),
        Component(
            Term("Rollback", "롤백 메커니즘"), ("dag:rollback", "dag:rollback_drill"), ("dags/rollback.py",),
            ("rollouts/{usecase}",),
            points=("16",),
        ),
        Component(
            Term("Container orchestration", "컨테이너 오케스트레이션"), ("check:kubernetes", "check:containers"),
            ("docker",),
            points=("17",),
        ),
        Component(
            Term("API gateway/load balancer", "API 게이트웨이/로드밸런서"), ("service:gateway",),
            ("docker/gateway", "include/gateway"),
            points=("18",),
        ),
    )),
    Group("model_operations", MODEL_OPERATIONS, (
        Component(
            Term("Performance dashboard", "성능 모니터링 대시보드"), ("service:prometheus", "table:figures"),
            ("include/operations/performance/performance.py",), ("monitoring/{usecase}", "loops/{usecase}"),
            points=("19",),
        ),
        Component(
            Term("Drift detection", "드리프트 감지 시스템"), ("dag:monitoring", "table:figures"),
            ("include/operations/drift/drift.py",), ("monitoring/{usecase}", "loops/{usecase}"),
            points=("20",),
        ),
        Component(
            Term("Alerting", "알림 시스템"), ("check:alert_rules", "check:notices"),
            ("include/operations/alerts/alerts.py",),
            ("alerts/{usecase}",),
            points=("21",),
        ),
        Component(
            Term("Retraining pipeline", "재훈련 파이프라인"), ("dag:retrain_trigger", "table:decisions"),
            ("include/operations/retraining/retraining.py",), ("alerts/{usecase}", "loops/{usecase}"),
            points=("22",),
        ),
        Component(
            Term("Audit logging", "감사 로깅"), ("check:audit_log", "dag:audit"), ("include/adapters/audit_log",),
            ("audit/",),
            points=("23",),
        ),
        Component(
            Term("Cost monitoring", "비용 모니터링"), ("check:cost",), ("include/development/cost.py",),
            ("cost/{usecase}",),
            points=("24",),
        ),
    )),
)  # fmt: skip
