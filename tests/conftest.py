pytest_plugins = ["tests.fix_postgres", "tests.fix_proxy", "tests.catalog.fix_catalog"]
