"""The only thing that pytest accepts in no other conftest: plugins for the tests of the plugin itself."""

pytest_plugins = ["pytester"]
