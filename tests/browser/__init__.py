"""Pages in a headless Chromium; behind `make test-browser`."""
