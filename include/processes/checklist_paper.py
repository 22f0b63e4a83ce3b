"""Makes the PDF of the checklist from JSON on its input: fonts take seconds, which no other request should wait for."""

import json
import sys

from include.governance.checklist.paper import pdf


def main() -> None:
    """Writes the PDF of ``{"content", "counted", "words", "language"}``; ``words``: text → translation."""
    given = json.load(sys.stdin.buffer)
    words = given["words"]
    sys.stdout.buffer.write(
        pdf(given["content"], given["counted"], lambda text: words.get(text, text), given["language"])
    )


if __name__ == "__main__":
    main()
