"""Commands of `kameleon` that are clients: each connects, says what it has to say in SQL, and shows what came of it.

* `client`      what they share: where they connect to, how they end
* `shown`       tables and progress, for people and for programs
* `entities`    entities, adopt, forget
* `migrations`  migrations, materialize, dematerialize
* `top`         what statements cost, live
* `mcp`         the server of the Model Context Protocol, `proxy/mcp_server.py`
"""
