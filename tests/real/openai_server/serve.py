"""A real server of OpenAI's API, llama.cpp's, with a tiny model that is made on the spot.

In: a folder for the model. Out: a line with the address, then whatever is asked for, until standard input closes. Runs
in a Python of its own, with what requirements.txt names. The model says SAYS to whatever it is told.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

#: As small as the architecture allows.
WIDTH, HEADS, CONTEXT = 64, 2, 4096
SAYS = "abcdefghijkl"
END = 2
#: Each turn between marks, as most models have it.
TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def write_model(path: Path) -> None:
    """One layer that adds nothing: what comes next depends on the last token alone. A letter follows its predecessor,
    the end the last one, and "a" everything else; there is a token for each byte, so that any prompt can be read.
    """
    gguf: Any = importlib.import_module("gguf")
    numpy: Any = importlib.import_module("numpy")
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *SAYS]
    letters = range(len(words) - len(SAYS), len(words))
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores([0.0] * len(words))
    writer.add_token_types([2, 3, 3, *[6] * 256, *[1] * len(SAYS)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)
    embeddings = numpy.zeros((len(words), WIDTH), dtype=numpy.float32)
    embeddings[:, 0] = 1
    output = numpy.zeros((len(words), WIDTH), dtype=numpy.float32)
    for at, token in enumerate(letters, start=1):
        embeddings[token] = numpy.eye(WIDTH)[at]
        output[token, at - 1] = 1
    output[END, len(SAYS)] = 1
    writer.add_tensor("token_embd.weight", embeddings)
    writer.add_tensor("output.weight", output)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.0.{name}.weight", numpy.zeros((WIDTH, WIDTH), dtype=numpy.float32))
    for name in ("ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", numpy.zeros((WIDTH, WIDTH), dtype=numpy.float32))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", numpy.ones(WIDTH, dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    xllamacpp: Any = importlib.import_module("xllamacpp")
    model = Path(sys.argv[1]) / "tiny.gguf"
    write_model(model)
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {"tiny"}
    params.n_ctx = CONTEXT
    params.n_parallel = 2
    params.cpuparams.n_threads = 1
    params.warmup = False
    params.sampling.temp = 0
    params.port = 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201 - whoever started it waits for this line
    sys.stdin.read()


if __name__ == "__main__":
    main()
