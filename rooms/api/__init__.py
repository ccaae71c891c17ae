"""The HTTP API for programs: the same rooms, by the same doors and verbs as the pages, as JSON.

No permission is decided here: `doors.Endpoint` gets the room as the pages' doors do, the verbs of the
models say who may, and a token only takes away. docs/api.md is what its users read.
"""
