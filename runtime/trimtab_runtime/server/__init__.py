"""`serve`: a model server on the KServe Python SDK, Open Inference Protocol v2 over REST.

The SDK has the HTTP server, the model repository, the data plane and the protocol's health and metadata
endpoints. Ours are what the loop needs: the row of a request checked by name and counted by bucket, the
connection as unit of errors, label tokens, the metrics page, and the drain.
"""
