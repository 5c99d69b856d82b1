from scripts.serving.worker_log import load_failure


def log_of(*messages: str, worker: str = "W-9000-guard_1.0") -> str:
    return "\n".join(f"2026-01-01T00:00:00,1 [INFO ] {worker}-stdout MODEL_LOG - {message}" for message in messages)


WRAPPED = (
    "Backend worker process died.",
    "Traceback (most recent call last):",
    "RuntimeError: 500 - Unknown exception",
)


def test_reason_is_what_initialize_raised() -> None:
    failed = ("Failed to load model guard, exception two", "lines", "Traceback (most recent call last):", "  File")
    log = log_of("Torch worker started.", *failed, "RuntimeError: two", *WRAPPED)
    assert load_failure(log, model="guard") == "two\nlines"
    assert load_failure(log, model="guar") is None


def test_reason_is_the_exception_when_the_process_died_of_it() -> None:
    assert load_failure(log_of(*WRAPPED, "  File x", "ValueError: bad table"), model="guard") == "ValueError: bad table"
    assert load_failure(log_of(*WRAPPED), model="guard") == "RuntimeError: 500 - Unknown exception"


def test_healthy_log_has_no_reason() -> None:
    assert load_failure(log_of("Torch worker started.", "ValueError: handled"), model="guard") is None
    assert load_failure("", model="guard") is None
