"""The online service as its clients see it: ask for many rows, and learn which of them were refused.

A request with a row that breaks the contract is refused as a whole; the rows that the answer names are left out, and
the others are sent again, as a client would that wants its predictions.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from .errors import InputError

TRIES = 20  # of a request that comes too early
PATIENCE = 60  # seconds for one answer
LONGEST_WAIT = 30.0  # seconds that are waited because the service asks for it
Row = dict[str, Any]


class Client:
    """A connection to the service at `url`; `key` is an API key. Raises InputError for what cannot be asked."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url.rstrip("/")
        headers = {"x-api-key": key} if key else {}
        try:
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE)
        except (httpx.InvalidURL, ValueError) as error:
            raise InputError(f"is no address: {error}", where=url, hint="write http://127.0.0.1:8000") from error

    def about(self) -> dict[str, Any]:
        """What the service says about its model."""
        return dict(self._asked("GET", "/v1/model").json())

    def predict(self, rows: Sequence[Row]) -> tuple[int, Counter[str]]:
        """Ask for rows: how many were answered, and how many refused, by the field that was wrong first."""
        refused: Counter[str] = Counter()
        left = list(rows)
        while left:
            answer = self._asked("POST", "/v1/predict", {"rows": left})
            if answer.status_code == 200:
                return len(left), refused
            wrong = {problem["row"]: problem["field"] for problem in reversed(answer.json()["errors"])}
            if not wrong or None in wrong:
                raise InputError(f"refuses the request: {answer.json()['errors'][0]['message']}", where=self.url)
            refused.update(wrong.values())
            left = [row for at, row in enumerate(left) if at not in wrong]
        return 0, refused

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def _asked(self, method: str, path: str, content: dict[str, Any] | None = None) -> httpx.Response:
        body = None if content is None else json.dumps(content, allow_nan=False).encode()
        for _ in range(TRIES):
            answer = self._once(method, path, body)
            if answer.status_code not in {429, 503}:
                break
            time.sleep(min(float(answer.headers.get("retry-after", 1)), LONGEST_WAIT))
        if answer.status_code == 401:
            hint = "set MLE_API_KEY to a key that the service knows; `keys new NAME` makes one"
            raise InputError("the service asks for an API key", where=self.url, hint=hint)
        if answer.status_code not in {200, 422}:
            hint = "is it the online service of this project? its log has more about it"
            raise InputError(f"{path} is answered with {answer.status_code}", where=self.url, hint=hint)
        return answer

    def _once(self, method: str, path: str, body: bytes | None) -> httpx.Response:
        headers = {"content-type": "application/json"} if body else {}
        try:
            return self._http.request(method, path, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = str(error) or type(error).__name__
            raise InputError(f"cannot be reached: {what}", where=self.url, hint="start it with `serve`") from error
