"""The bigquery extra: a source of tables and queries in BigQuery, through its Storage Read API."""
