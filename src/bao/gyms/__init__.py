"""The gyms that come with the package. Each is found through the entry-point group ``bao.gyms``, as anyone else's is."""
