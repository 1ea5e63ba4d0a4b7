"""What the tests on a real API server stand on.

access    how to reach the API server, for the test and for the proxy
api       raw JSON objects: get, list, create, change, delete, wait
operator  the operator as a process: start, ready, kill, logs
zygote    the same, forked from a process that has imported everything
proxy     stands between operator and API server: counts writes, and does what a fault says
player    plays the nodes: pods start, run and end as the test says (pod_status: what a kubelet reports)
artifact  the model a played trial publishes, for real
world     what is left in the end, comparable between runs
lab       all of it around one namespace
"""
