"""A collector of OTLP over HTTP: takes spans as OpenTelemetry's own messages, or fails as it is told."""

import base64
import http.server
import json
import threading
import time

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def _as_bytes(span):
    """OTLP writes ids in hex where JSON of protobuf has base64."""
    for name in ("traceId", "spanId", "parentSpanId"):
        if name in span:
            span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()


def decode(body):
    """The message; fails on a field that OTLP does not have."""
    message = json.loads(body)
    for resource in message["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                _as_bytes(span)
    return json_format.ParseDict(message, ExportTraceServiceRequest())


def value_of(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(v) for v in value.array_value.values]
    return getattr(value, kind)


def attributes_of(of):
    return {a.key: value_of(a.value) for a in of.attributes}


class Collector:
    """On a free port, for use in a `with` statement. `status`: what it answers with."""

    def __init__(self, port=0):
        self.status, self.messages, self.headers = 200, [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.status == 200:
                    assert self.path == "/v1/traces" and self.headers["Content-Type"] == "application/json"
                    outer.headers.append(dict(self.headers))
                    outer.messages.append(decode(body))
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def spans(self):
        """[(resource's attributes, span)]"""
        return [(attributes_of(r.resource), s) for m in self.messages for r in m.resource_spans
                for scope in r.scope_spans for s in scope.spans]

    def wait_for(self, count, seconds=30):
        deadline = time.monotonic() + seconds
        while len(self.spans()) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(self.spans()) >= count
        return self.spans()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
