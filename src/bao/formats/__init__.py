"""Episodes in other tools' formats. `bao.formats.exchange` exports a folder of `bao eval` and imports a file into one.

``messages`` turns an episode into chat messages and back, ``foreign`` reads conversations that bao did not write; ``openai``,
``datasets`` and ``inspect_log`` are the files.
"""
