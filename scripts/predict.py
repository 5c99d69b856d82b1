"""Send texts to a served model and show what the defense made of them."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handler.xgraad.words.pair import join_pair
from scripts.console import console
from scripts.console.command import CommandParser, Exit, positive, run_command, say
from scripts.console.errors import LabError
from scripts.console.explanation_view import explained, legend
from scripts.console.reply_view import reply_table
from scripts.serving.client import Client, is_error
from scripts.serving.pair_documents import fields_of_text, of_whole
from scripts.serving.running_server import RunningServer
from scripts.texts.corpora import read_texts, texts_in
from scripts.texts.reading import ReadingOptions, add_reading_options

EXAMPLES = """  python -m scripts.predict --model xgraad-sst2 'a fine film' 'a fine cf film'
  python -m scripts.predict --model xgraad-sst2 --file reviews.txt --json > replies.jsonl
  python -m scripts.predict --model xgraad-sst2 --explain 'a fine cf film'
  python -m scripts.predict --model claims --pair 'a fine film' 'it is about cars'
  python -m scripts.predict --model xgraad-sst2 --address https://gateway.example --key-file keys.json 'a fine film'"""


def build_parser() -> CommandParser:
    """The command line."""
    parser = CommandParser(name="predict", description=__doc__ or "", examples=EXAMPLES)
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="default: those of --file, or of standard input")
    parser.add_argument(
        "--pair",
        nargs=2,
        action="append",
        default=[],
        metavar=("TEXT", "SECOND"),
        help="for a model of pairs",
    )
    parser.add_argument("--model", required=True, metavar="NAME")
    parser.add_argument("--file", type=Path, help="texts: see below")
    parser.add_argument("--grpc", action="store_true", help="call over gRPC instead of REST")
    parser.add_argument("--explain", action="store_true", help="show what was found, and every word by its attribution")
    parser.add_argument("--json", action="store_true", help="print each reply as one line of JSON")
    parser.add_argument("--state", type=Path, default=Path("build/serve"), help="folder of the server to call")
    parser.add_argument("--address", help="inference URL, or HOST:PORT with --grpc, of a server that is not --state's")
    parser.add_argument("--key-file", type=Path, help="the key_file.json that goes with --address")
    parser.add_argument("--retries", type=positive, default=4, help="where a worker died or a queue was full (4)")
    add_reading_options(parser)
    return parser


def texts_to_send(arguments: argparse.Namespace) -> list[str]:
    """The texts of the command line, of the file, or of standard input."""
    if arguments.texts or arguments.pair:
        return [*arguments.texts, *(join_pair(*pair) for pair in arguments.pair)]
    reading = ReadingOptions.from_arguments(arguments)
    if arguments.file:
        return read_texts(arguments.file, reading)
    if sys.stdin is None:
        raise LabError("TEXT or --file must be given where standard input is closed, are missing")
    return texts_in(sys.stdin.buffer.read(), "standard input", reading)


def open_client(arguments: argparse.Namespace) -> Client:
    """A client for `--address`, or else for the server of `--state`."""
    if arguments.address is None:
        return RunningServer.load(arguments.state).client(retries=arguments.retries)
    if arguments.grpc:
        return Client(grpc_inference=arguments.address, key_file=arguments.key_file, retries=arguments.retries)
    return Client(inference=arguments.address, key_file=arguments.key_file, retries=arguments.retries)


def ask(client: Client, text: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The document for one text."""
    if arguments.grpc:
        parts = fields_of_text(text).items()
        fields = {name: part.encode(errors="surrogatepass") for name, part in parts}  # broken ones it refuses itself
        document = client.predict_grpc(arguments.model, fields | ({"explain": b"true"} if arguments.explain else {}))
    else:
        document = client.predict(arguments.model, fields_of_text(text), explain=arguments.explain)
    if not isinstance(document, dict):
        raise LabError(f"model {arguments.model} must reply with a JSON object, got a {type(document).__name__}")
    return document


def show(texts: Sequence[str], documents: Sequence[dict[str, Any]], *, explain: bool) -> None:
    """Print a table, or with `explain` every text by itself with its shaded words."""
    if not explain:
        console.show(reply_table(texts, documents))
        return
    for text, document in zip(texts, documents, strict=True):
        is_known = "explanation" in document or is_error(document)
        console.show(explained(text, document) if is_known else reply_table([text], [document]))
    console.show(legend())


def predict(arguments: argparse.Namespace) -> Exit:
    """Send one request per text and show the replies; an error when one was refused."""
    texts = texts_to_send(arguments)
    with open_client(arguments) as client:
        documents = [ask(client, text, arguments) for text in texts]
    if arguments.json:
        for document in documents:
            say(json.dumps(document))
    else:
        show(texts, list(map(of_whole, documents, texts)), explain=arguments.explain)
    return Exit.ERROR if any(map(is_error, documents)) else Exit.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(build_parser(), predict, argv)


if __name__ == "__main__":
    raise SystemExit(main())
