"""The wire between operator, pods and test stand-ins: names, files, JSON.

Pure standard library, frozen records, strict parsing. Every parse function raises one exception type,
`ContractError(reason, field, message)`; every `to_json` result is accepted by the matching parse function.
"""
