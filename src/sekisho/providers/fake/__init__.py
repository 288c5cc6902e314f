"""A scripted provider: answers like Anthropic, OpenAI, Azure, Bedrock, Gemini and Vertex, and fails on demand.

For `make demo` and for tests. Must stay true: no randomness, and its wire templates share nothing with the codecs
they serve to test. It asks for no credential and checks none.
"""
