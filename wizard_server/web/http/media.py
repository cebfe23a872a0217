"""The media types of bodies."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
PROBLEM = "application/problem+json"
