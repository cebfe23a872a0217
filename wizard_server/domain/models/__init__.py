"""The specification's Pydantic schemas, under their own names, in Pydantic v2 ("Pydantic Schemas (API)").

What the contract adds stands beside what the specification says: identifiers have a pattern, unknown fields are
refused, timestamps are written in UTC with milliseconds, a state carries its version.
"""
