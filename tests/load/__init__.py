"""An open-loop load generator for model servers that speak the Open Inference Protocol v2.

    python -m tests.load run --url http://127.0.0.1:8080 --model flights --pool traffic.csv --label late

Arrival times are fixed in advance and a request's latency counts from its arrival time, so a slow server
cannot slow the load down and hide it (coordinated omission). Nothing is ever sent twice.
"""
