"""How things are shown: numbers and dates of a language, escaping, tables, the style of figures."""
