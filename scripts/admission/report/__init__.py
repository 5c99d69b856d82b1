"""How a scan is told: as JSON, as SARIF for other tools, as a page for people. Nothing here looks at a checkpoint."""
