"""The HTTP surface: llm/ is what agents call, admin/ what operators and scripts call."""
