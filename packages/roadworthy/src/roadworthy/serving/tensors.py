"""The Open Inference Protocol: the tensors of a request become rows, answers become tensors.

A request has one tensor for each feature, as JSON or, by Triton's binary extension, as bytes after the JSON. In JSON a
missing value is null, in a number of either form NaN. Bytes have no null, so an empty text there is a missing value
where the feature may be missing.
"""

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, NotRequired

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from ..bundle.signature import Feature, Signature
from .request import BadRequestError, Problem, RequestReader, Row, parse_json

# The bytes of the protocol are little-endian on every machine.
OUTPUTS = {"probability": ("FP64", "<f8"), "decision": ("BOOL", "?")}
NUMBER_OUTPUTS = {"prediction": ("FP64", "<f8")}
NUMBERS = {"INT64": "<i8", "FP64": "<f8"}
FOREIGN = ("classification", "sequence_id", "shared_memory_region")  # extensions that would change the answer
STRICT = ConfigDict(strict=True)
Text = Annotated[str, Field(max_length=256)]


@with_config({**STRICT, "extra": "allow"})
class Parameters(TypedDict, total=False):
    """What clients say about a tensor or a request beside the protocol; unless it changes the answer, it is ignored."""

    binary_data_size: Annotated[int, Field(ge=0)]
    binary_data: bool
    binary_data_output: bool


@with_config(STRICT)
class Tensor(TypedDict):
    """One input: the values of a feature for all rows, of shape [rows] or [rows, 1]."""

    name: Text
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=2)]
    datatype: Text
    parameters: NotRequired[Parameters]
    data: NotRequired[list[Any]]


@with_config(STRICT)
class Wanted(TypedDict):
    """An output that is asked for."""

    name: Text
    parameters: NotRequired[Parameters]


@with_config(STRICT)
class InferenceRequest(TypedDict):
    """A request; without `outputs` all of them are meant."""

    id: NotRequired[Text]
    parameters: NotRequired[Parameters]
    inputs: Annotated[list[Tensor], Field(min_length=1)]
    outputs: NotRequired[list[Wanted]]


class Metadata(TypedDict):
    """Name, type and shape of a tensor; -1 is the number of rows."""

    name: str
    datatype: str
    shape: list[int]


REQUEST: TypeAdapter[InferenceRequest] = TypeAdapter(InferenceRequest)


@dataclass(frozen=True)
class Inference:
    """A request that was read: its rows, its id if it has one, the outputs it wants and which of them as bytes."""

    rows: list[Row]
    id: str | None
    outputs: dict[str, bool]


def tensor_metadata(signature: Signature) -> tuple[list[Metadata], list[Metadata]]:
    """The tensors that a model takes and gives."""
    features = [*signature.features, _key(signature)]
    inputs = [Metadata(name=feature.name, datatype=tensor_datatype(feature), shape=[-1]) for feature in features]
    made = outputs_of(signature).items()
    return inputs, [Metadata(name=name, datatype=kind, shape=[-1]) for name, (kind, _) in made]


def outputs_of(signature: Signature) -> dict[str, tuple[str, str]]:
    """The outputs of a model: their types in the protocol, and in bytes."""
    return NUMBER_OUTPUTS if signature.regression else OUTPUTS


def tensor_datatype(feature: Feature) -> str:
    """The type of a feature's tensor; whole numbers that may be missing are FP64, which has NaN."""
    if feature.kind == "category":
        return "BYTES"
    return "INT64" if feature.kind == "integer" and not feature.nullable else "FP64"


def read_tensors(body: bytes, length: bytes | None, reader: RequestReader) -> Inference:
    """The rows of a request, which passed every rule of the signature. Raises BadRequestError.

    `length` is the value of the header Inference-Header-Content-Length: the size of the JSON in front of the bytes.
    """
    if length is None:
        length = str(len(body)).encode()
    # Python refuses to read thousands of digits, and no body is as long as twelve of them say.
    elif not (length.isdigit() and len(length) < 12 and int(length) <= len(body)):
        _refuse("Inference-Header-Content-Length is not the size of the JSON at the start of the body")
    text, rest = body[: int(length)], body[int(length) :]
    try:
        request = REQUEST.validate_python(parse_json(text))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        _refuse(f"{'.'.join(map(str, first['loc'])) or 'the body'}: {first['msg']}")
    outputs = _outputs(request, outputs_of(reader.signature))
    columns = _columns(request["inputs"], rest, reader)
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return Inference(reader.check(rows), request.get("id"), outputs)


def write_tensors(
    inference: Inference, name: str, version: str, answers: list[float], threshold: float
) -> tuple[bytes, int | None]:
    """The body of the answer, and the size of its JSON when bytes follow it."""
    values: dict[str, list[Any]] = {
        "probability": answers,
        "prediction": answers,
        "decision": [answer >= threshold for answer in answers],
    }
    outputs, rest = [], b""
    for output, binary in inference.outputs.items():
        kind, dtype = {**OUTPUTS, **NUMBER_OUTPUTS}[output]
        about: dict[str, Any] = {"name": output, "datatype": kind, "shape": [len(answers)]}
        if binary:
            part = np.array(values[output], dtype=dtype).tobytes()
            outputs.append({**about, "parameters": {"binary_data_size": len(part)}})
            rest += part
        else:
            outputs.append({**about, "data": values[output]})
    request_id = {} if inference.id is None else {"id": inference.id}
    text = json.dumps({"model_name": name, "model_version": version, **request_id, "outputs": outputs}).encode()
    return text + rest, len(text) if any(inference.outputs.values()) else None


def _outputs(request: InferenceRequest, known: Iterable[str]) -> dict[str, bool]:
    _refuse_foreign(request.get("parameters"))
    all_binary = request.get("parameters", {}).get("binary_data_output", False)
    if "outputs" not in request:
        return dict.fromkeys(known, all_binary)
    wanted, names = {}, list(known)
    for output in request["outputs"]:
        if output["name"] not in names:
            are = "there are" if len(names) > 1 else "there is"
            _refuse(f"there is no output {_quoted(output['name'])}; {are} {' and '.join(names)}")
        _refuse_foreign(output.get("parameters"))
        wanted[output["name"]] = output.get("parameters", {}).get("binary_data", all_binary)
    return wanted


def _columns(tensors: list[Tensor], rest: bytes, reader: RequestReader) -> dict[str, list[Any]]:
    signature = reader.signature
    known = {**signature.by_name, signature.key: _key(signature)}
    columns: dict[str, list[Any]] = {}
    for tensor in tensors:
        name = tensor["name"]
        if name not in known:
            _refuse(f"input {_quoted(name)} is not known; {reader.alternative(name)}", name)
        if name in columns:
            _refuse(f"input {name} is given twice", name)
        _check_form(tensor, known[name], tensors[0]["shape"][0])
        size = tensor.get("parameters", {}).get("binary_data_size")
        if size is None:
            values = _from_json(tensor)
        else:
            values, rest = _from_bytes(tensor, rest[:size], size, known[name]), rest[size:]
        # A value that must not be missing keeps its NaN, so that the refusal shows what was sent.
        empty = known[name].nullable
        columns[name] = [None if value != value else value for value in values] if empty else values  # noqa: PLR0124
    if rest:
        _refuse(f"{len(rest)} bytes at the end of the body belong to no input")
    for feature in signature.features:
        if not feature.nullable and feature.name not in columns:
            _refuse(f"input {feature.name} is missing; allowed: {feature.rule}", feature.name)
    return columns


def _check_form(tensor: Tensor, feature: Feature, rows: int) -> None:
    name, shape = tensor["name"], tensor["shape"]
    _refuse_foreign(tensor.get("parameters"))
    taken = ("BYTES",) if feature.kind == "category" else tuple(NUMBERS)
    if tensor["datatype"] not in taken:
        _refuse(f"input {name} is {' or '.join(taken)}, not {_quoted(tensor['datatype'])}", name)
    if shape[1:] not in ([], [1]):
        _refuse(f"input {name} has the shape {shape}; send [rows] or [rows, 1]", name)
    if shape[0] != rows:
        _refuse(f"input {name} has {shape[0]} rows, but the first input has {rows}", name)


def _from_json(tensor: Tensor) -> list[Any]:
    name, shape = tensor["name"], tensor["shape"]
    if "data" not in tensor:
        _refuse(f"input {name} has no data", name)
    values = tensor["data"]
    if len(shape) == 2 and all(isinstance(value, list) and len(value) == 1 for value in values):
        values = [value for (value,) in values]
    if len(values) != shape[0]:
        _refuse(f"input {name} has {len(values)} values, but its shape says {shape[0]}", name)
    return values


def _from_bytes(tensor: Tensor, part: bytes, size: int, feature: Feature) -> list[Any]:
    name, rows = tensor["name"], tensor["shape"][0]
    if "data" in tensor:
        _refuse(f"input {name} has both data and a binary_data_size", name)
    if len(part) < size:
        _refuse(f"input {name} announces {size} bytes, but {len(part)} are left in the body", name)
    if feature.kind == "category":
        values: list[Any] = [text or (None if feature.nullable else text) for text in _texts(part, name)]
    else:
        whole = len(part) - len(part) % 8
        values = np.frombuffer(part[:whole], dtype=NUMBERS[tensor["datatype"]]).tolist() if whole == size else []
    if len(values) != rows:
        _refuse(f"the {size} bytes of input {name} are not {rows} values of {tensor['datatype']}", name)
    return values


def _texts(part: bytes, name: str) -> Iterable[str]:
    at = 0
    while at < len(part):
        try:
            (size,) = struct.unpack_from("<I", part, at)
            text = part[at + 4 : at + 4 + size].decode()
        except (struct.error, UnicodeDecodeError):
            _refuse(f"the bytes of input {name} are not texts in UTF-8, each after its length", name)
        at += 4 + size
        if at > len(part):
            _refuse(f"a text of input {name} is longer than the bytes that are left", name)
        yield text


def _key(signature: Signature) -> Feature:
    return Feature(name=signature.key, kind="category", nullable=True)


def _refuse_foreign(parameters: Any) -> None:
    foreign = [name for name in FOREIGN if name in (parameters or {})]
    if foreign:
        _refuse(f"the extension behind the parameter {foreign[0]} is not supported; send tensors as JSON or as bytes")


def _quoted(text: str) -> str:
    return json.dumps(text if len(text) <= 60 else f"{text[:60]}...")


def _refuse(message: str, field: str = "") -> NoReturn:
    raise BadRequestError([Problem(None, field, "", "", message)], 1)
