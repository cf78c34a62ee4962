"""Searches for the products most similar to a photo. Python's own library is all that is needed.

    python3 search.py photo.jpg [http://127.0.0.1:8080]

LOOKALIKE_TOKEN is the read token, if the server needs one.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request


def similar(server, photo, top=3, token=None, tries=3):
    """Searches by a photo's bytes; waits and tries again when the server is busy."""
    request = urllib.request.Request(f"{server}/v1/similar?top={top}", data=photo, method="POST")
    request.add_header("Content-Type", "application/octet-stream")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    for attempt in range(1, tries + 1):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            wait = error.headers.get("Retry-After")
            if wait is None or attempt == tries:
                problem = json.load(error)
                raise SystemExit(f"{problem['title']}: {problem['detail']}") from None
            time.sleep(int(wait))


def main():
    with open(sys.argv[1], "rb") as file:
        photo = file.read()
    server = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8080"
    answer = similar(server, photo, token=os.environ.get("LOOKALIKE_TOKEN"))
    print(f"{answer['verdict']}, {answer['took_ms']:.0f} ms")
    for match in answer["matches"]:
        product = match["product"]
        print(f"{match['rank']}. {product['name']} ({product['id']}), similarity {match['similarity']:.3f}")


if __name__ == "__main__":
    main()
