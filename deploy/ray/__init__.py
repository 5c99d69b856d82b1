"""A Ray Serve application that serves the archives of this project: same JSON, same refusals, same metrics."""
