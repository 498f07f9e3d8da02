"""A llama-server of llama.cpp, started for a model and ended with the block; asked over HTTP."""
import json
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

START_SECONDS = 120
ANSWER_SECONDS = 120


class LlamaServer:
    """One thread, one sequence, keys and values in f32, no flash attention: as exact as the engine can."""

    def __init__(self, program, model, context):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._address = f"http://127.0.0.1:{port}"
        self._command = [program, "-m", model, "--host", "127.0.0.1", "--port", str(port), "-t", "1",
                         "-c", str(context), "-np", "1", "-ctk", "f32", "-ctv", "f32", "-fa", "off"]

    def __enter__(self):
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=subprocess.STDOUT)
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def tokenize(self, text):
        return self._ask("/tokenize", {"content": text, "add_special": True})["tokens"]

    def complete(self, tokens, count):
        """Greedy continuation of `tokens` by at most `count`; ends early at an end token."""
        answer = self._ask("/completion", {"prompt": tokens, "n_predict": count, "temperature": 0,
                                           "return_tokens": True, "cache_prompt": False})
        if "tokens" not in answer:
            raise RuntimeError("the server returns no tokens: it is older than `return_tokens`")
        return answer["tokens"]

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(f"llama-server ended with {self._process.returncode}:\n{self._last_words()}")
            try:
                self._ask("/health", None)
                return
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"llama-server not ready in {START_SECONDS} s:\n{self._last_words()}")
            time.sleep(0.1)

    def _ask(self, path, document):
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self._address + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            return json.load(answer)

    def _last_words(self):
        self._log.seek(0)
        return self._log.read()[-2000:].decode(errors="replace")
