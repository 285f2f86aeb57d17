"""What gunicorn serves."""

import io

from django.conf import settings
from django.core.wsgi import get_wsgi_application

_django = get_wsgi_application()


def application(environ, start_response):
    """Django, which reads no body without a length: one that comes in chunks gets its length here.

    One byte beyond the limit is enough for the refusal.
    """
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        body = environ["wsgi.input"].read(settings.MAX_BODY_BYTES + 1)
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return _django(environ, start_response)
