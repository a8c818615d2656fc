"""Clients that never stop asking, and check every answer."""

import http.client
import json
import threading
import time

import numpy as np


class Load:
    """Keep-alive connections, each asking for one row after another until the block ends.

    Parameters
    ----------
    port : int
        Where.
    rows : list of dict
        What.
    expected : dict of int to float32[num_rows]
        What each version answers.
    """

    def __init__(self, port, rows, expected, *, connections=4):
        self.port, self.expected = port, expected
        self.bodies = [json.dumps({"instances": [row]}) for row in rows]
        self.failures = []
        self.refused_connections = 0
        self.versions = []
        self.stopping = False
        self.threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(connections)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def _ask(self, number):
        index, client = number, None
        while not self.stopping:
            if client is None:
                client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                try:
                    client.connect()
                except OSError:
                    self.refused_connections += 1
                    client.close()
                    client = None
                    time.sleep(0.01)
                    continue
            index = (index + 1) % len(self.bodies)
            try:
                client.request("POST", "/v1/models/late:predict", self.bodies[index])
                answer = client.getresponse()
                body = answer.read()
                version = int(answer.headers["headrace-version"])
                found = np.float32(json.loads(body)["predictions"][0])
                if answer.status != 200 or found != self.expected[version][index]:
                    self.failures.append((answer.status, version, index, body))
                self.versions.append(version)
                if answer.headers.get("connection") == "close":
                    client.close()
                    client = None
            except Exception as error:
                self.failures.append(error)
                client.close()
                client = None
        if client is not None:
            client.close()
