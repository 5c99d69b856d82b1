import pytest

from handler.worker.stopwatch import Stopwatch


def test_stages_add_up_also_where_one_fails() -> None:
    times = iter([0.0, 1.0, 1.0, 3.0, 10.0, 14.0])
    stopwatch = Stopwatch(lambda: next(times))
    with stopwatch("encode"):
        pass
    with pytest.raises(ValueError, match="broken"), stopwatch("judge"):
        raise ValueError("broken")
    with stopwatch("judge"):
        pass
    assert stopwatch.seconds == {"encode": 1.0, "judge": 6.0}
