"""Clients of a cluster's gateways, until a file appears: each asks again and again, and compares what it gets.

    load.py STOP_FILE KEY URL,URL... [--clients N] [--tokens N]

A gateway that takes no connection is passed over for the next one, as a load balancer does; whatever else is no
whole answer counts as lost. Prints JSON: how many answers came whole, and all that did not.
"""

import argparse
import http.client
import json
import pathlib
import threading
import time
import urllib.parse

PROMPTS = ["The first", "A second one", "Of three", "And four"]


def ask(url, key, prompt, tokens):
    """The text of one answer, streamed; raises ConnectionRefusedError where nobody serves."""
    at = urllib.parse.urlparse(url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=120)
    connection.request("POST", "/v1/completions", json.dumps(
        {"model": MODEL, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "stream": True,
         "ignore_eos": True}), {"Content-Type": "application/json", "Authorization": "Bearer " + key})
    reply = connection.getresponse()
    if reply.status != 200:
        raise ValueError(f"{reply.status} {reply.read(300).decode(errors='replace')}")
    text, done = [], False
    for line in reply:
        field, _, data = line.decode().strip().partition(": ")
        if data == "[DONE]":
            done = True
        elif field == "data":
            event = json.loads(data)
            if "error" in event:
                raise ValueError(json.dumps(event))
            text.extend(c["text"] for c in event["choices"])
    connection.close()
    if not done:
        raise ValueError("the stream broke off")
    return "".join(text)


def client(number, given, stop, results, lock):
    urls = given.urls.split(",")
    prompt = PROMPTS[number % len(PROMPTS)]
    turn = number
    while not stop.exists():
        why = None
        for _ in range(200):
            turn += 1
            try:
                text, why = ask(urls[turn % len(urls)], given.key, prompt, given.tokens), None
                break
            except ConnectionRefusedError as e:
                why = str(e)
                time.sleep(0.05)
            except (OSError, ValueError, http.client.HTTPException) as e:
                why, text = f"{type(e).__name__}: {e}", None
                break
        with lock:
            if why:
                results["lost"].append(why[:300])
                time.sleep(0.1)
            elif results["expected"].setdefault(prompt, text) != text:
                results["altered"].append(text)
            else:
                results["whole"] += 1


parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("stop")
parser.add_argument("key")
parser.add_argument("urls")
parser.add_argument("--model", required=True)
parser.add_argument("--clients", type=int, default=4)
parser.add_argument("--tokens", type=int, default=60)
arguments = parser.parse_args()
MODEL = arguments.model
found = {"whole": 0, "lost": [], "altered": [], "expected": {}}
guard = threading.Lock()
everybody = [threading.Thread(target=client, args=(i, arguments, pathlib.Path(arguments.stop), found, guard))
             for i in range(arguments.clients)]
for one in everybody:
    one.start()
for one in everybody:
    one.join()
print(json.dumps(found))
