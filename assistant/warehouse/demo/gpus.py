"""gpu_usage of the demo company. Knows nothing about charges."""

from __future__ import annotations

import duckdb

from assistant.warehouse.demo.company import Company

# A training run lasts a week; a model's version is one more each quarter.
USAGE = """
CREATE TABLE main.gpu_usage AS
WITH worked AS (
    SELECT day, job.*, 24 * gpus * CASE WHEN weekend THEN rhythm ELSE 1 END
            * (0.85 + 0.15 * draw(job.cluster || job.model, day, 'allocated')) AS hours,
        busy * (0.9 + 0.18 * draw(job.cluster || job.model, day, 'busy')) AS load,
        'v' || (1 + date_diff('month', $start::DATE, day) // 3) AS version
    FROM job JOIN fleet USING (cluster) JOIN calendar ON day >= in_service_date)
SELECT day AS usage_date, cluster, team, workload,
    CASE WHEN workload = 'training' THEN model || strftime(day, '-%G-w%V') END AS run_id, model,
    version AS model_version, hours::DECIMAL(18,2)::DECIMAL(18,6) AS gpu_hours_allocated,
    least(gpu_hours_allocated, (hours * load)::DECIMAL(18,2)) AS gpu_hours_busy
FROM worked
UNION ALL
SELECT day, cluster, team, workload, run_id, model, 'v' || (1 + date_diff('month', $start::DATE, day) // 3),
    gpu_hours_allocated::DECIMAL(18,6), gpu_hours_busy::DECIMAL(18,6)
FROM idle_weekend JOIN calendar ON day >= "from" AND day < "from" + days::INTEGER
ORDER BY ALL
"""


def write(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Create main.gpu_usage: one row a day and job."""
    con.execute(USAGE, {"start": company.start})
