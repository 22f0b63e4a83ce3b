"""# Faulty use cases

Makes no DAG. When the files of a use case cannot be used, Airflow shows this file among its *import errors*, with one
line per fault: file, line, key, value and what is allowed. The DAGs of that use case are gone until its files are
correct, and what serves continues to serve. All other use cases run on.

**When it fails**: correct what each line names; `moebius check` reads the files again. Airflow looks again by itself.
"""

from include.orchestration.dags import require_usable_specifications

require_usable_specifications()
