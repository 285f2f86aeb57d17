"""Nothing here on purpose: audits from a checkout collect ``checks/`` below this file, also under another rootdir.

``pytest_plugins`` is refused there, so the tests of the plugin get pytester by ``-p`` in ``pyproject.toml``.
"""
