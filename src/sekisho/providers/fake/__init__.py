"""A scripted provider: answers like Anthropic and OpenAI, says what it is told, and fails on demand.

For `make demo` and for tests. Must stay true: no randomness, and its wire templates share nothing with the codecs
they serve to test.
"""
