"""The environment in which Ray and Serve keep to the loopback address: of one machine that serves by itself."""

LOOPBACK = "127.0.0.1"
SWITCH = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Ray's own: where it is off, Ray's ports listen on loopback alone. Replicas inherit it."""
LOCAL = {
    SWITCH: "0",
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_OFFLINE": "1",
}
