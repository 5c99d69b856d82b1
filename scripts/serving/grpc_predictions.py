"""TorchServe's gRPC inference call, made from the .proto files inside its own jar.

The message classes are built at run time from a descriptor set. So nothing generated is kept in the repository, and
the messages always fit the installed TorchServe and protobuf.
"""

import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

from scripts.console.errors import LabError

JAR = "ts/frontend/model-server.jar"
MAIN_PROTO = "proto/inference.proto"
IMPORTED_PROTOS = ("google/rpc/status.proto", "google/protobuf/any.proto", "google/protobuf/empty.proto")
PACKAGE = "org.pytorch.serve.grpc.inference"
PREDICTIONS = f"/{PACKAGE}.InferenceAPIsService/Predictions"
MESSAGE_BYTES = 6_553_500
"""TorchServe's own default limit; a gRPC client alone would refuse replies from 4 MiB up."""

Predict = Callable[..., bytes]


def server_jar() -> Path:
    """The jar of the installed TorchServe."""
    try:
        jar = Path(str(distribution("torchserve").locate_file(JAR)))
    except PackageNotFoundError as error:
        raise LabError("torchserve is not installed; run make setup") from error
    if not jar.is_file():
        raise LabError(f"torchserve must hold {JAR}, but {jar} is missing; install torchserve again")
    return jar


@cache
def inference_messages() -> tuple[type[Any], type[Any]]:
    """The classes `PredictionsRequest` and `PredictionResponse`."""
    pool = descriptor_pool.DescriptorPool()
    for file in _descriptor_set().file:
        pool.Add(file)
    request, response = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in ("PredictionsRequest", "PredictionResponse")
    )
    return request, response


def _descriptor_set() -> Any:
    """Compile the .proto files of the jar, imports included."""
    with tempfile.TemporaryDirectory(prefix="xgraad-proto-") as folder:
        with zipfile.ZipFile(server_jar()) as jar:
            jar.extractall(folder, members=[MAIN_PROTO, *IMPORTED_PROTOS])
        compiled = Path(folder, "inference.bin")
        command = ["protoc", f"-I{folder}", "--include_imports", f"--descriptor_set_out={compiled}", MAIN_PROTO]
        if protoc.main(command) != 0:
            raise LabError(f"protoc cannot compile {MAIN_PROTO} of {server_jar()}; install grpcio-tools again")
        return descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes())


def open_channel(address: str, *, timeout_s: float) -> grpc.Channel:
    """A connected plain-text channel to `host:port`; never through a proxy."""
    options = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", MESSAGE_BYTES)]
    channel = grpc.insecure_channel(address, options=options)
    try:
        grpc.channel_ready_future(channel).result(timeout=timeout_s)
    except grpc.FutureTimeoutError as error:
        channel.close()
        raise LabError(f"no gRPC server answers at {address}; start one with python -m scripts.serve start") from error
    return channel


def predict_over(
    channel: grpc.Channel, model: str, fields: Mapping[str, bytes], *, key: str | None, timeout_s: float
) -> bytes:
    """One prediction; the fields become the keys of the row that the handler sees. Raises `grpc.RpcError`."""
    request, response = inference_messages()
    call: Predict = channel.unary_unary(
        PREDICTIONS, request_serializer=request.SerializeToString, response_deserializer=response.FromString
    )
    metadata = [("authorization", f"Bearer {key}")] if key else []
    answer: Any = call(request(model_name=model, input=dict(fields)), metadata=metadata, timeout=timeout_s)
    return bytes(answer.prediction)
