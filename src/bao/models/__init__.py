"""What a local model is: loading, tokenizer and template, the batched engine and its cache."""
