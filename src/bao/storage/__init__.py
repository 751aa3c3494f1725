"""Files on disk: written whole, locked, stored episode by episode."""
