"""What callers can ask for."""

from django.contrib.auth import authenticate, get_user_model, login, logout
from django.core.cache import cache
from django.db import IntegrityError
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import exceptions, generics, permissions, status
from rest_framework.response import Response
from rest_framework.views import APIView

from notes import serializers
from notes.defects import has
from notes.models import Note

#: How long strangers may see what was.
PUBLISHED_SECONDS = 5
MOST_GUESSES, LOCKED_SECONDS = 20, 900
SOMEBODY = {"username": "carol", "password": "a long password"}


class Conflict(exceptions.APIException):
    """The name is taken."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "the name is taken"
    default_code = "conflict"


class Register(APIView):
    """Become a user."""

    permission_classes = [permissions.AllowAny]

    @extend_schema(
        auth=[],
        request=serializers.Registration,
        responses={201: serializers.User},
        examples=[OpenApiExample("somebody", value=SOMEBODY, request_only=True)],
    )
    def post(self, request):
        """Become a user."""
        asked = serializers.Registration(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            user = get_user_model().objects.create_user(**asked.validated_data)
        except IntegrityError as error:
            raise Conflict from error
        return Response(serializers.User(user).data, status=201)


class Login(APIView):
    """Begin a session."""

    permission_classes = [permissions.AllowAny]

    @extend_schema(
        auth=[],
        request=serializers.Credentials,
        responses={200: serializers.User},
        examples=[OpenApiExample("somebody", value=SOMEBODY, request_only=True)],
    )
    def post(self, request):
        """Begin a session: the answer sets its cookie."""
        asked = serializers.Credentials(data=request.data)
        asked.is_valid(raise_exception=True)
        # Wrong passwords in a row, by account.
        guesses = f"guesses:{asked.validated_data['username']}"
        if cache.get(guesses, 0) >= MOST_GUESSES and not has("ENDLESS_GUESSES"):
            raise exceptions.Throttled(wait=LOCKED_SECONDS)
        user = authenticate(request, **asked.validated_data)
        if user is None:
            cache.add(guesses, 0, LOCKED_SECONDS)
            cache.incr(guesses)
            raise exceptions.AuthenticationFailed("the name or the password is wrong")
        cache.delete(guesses)
        login(request, user)
        return Response(serializers.User(user).data, headers={"Cache-Control": "no-store"})


class Logout(APIView):
    """End the session."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request):
        """End the session."""
        logout(request)
        return Response(status=204)


class Me(APIView):
    """Who one is."""

    @extend_schema(responses={200: serializers.User})
    def get(self, request):
        """Who one is."""
        return Response(serializers.User(request.user).data, headers={"Cache-Control": "no-store"})


@extend_schema(
    description="One's own notes, newest first; or a new one.",
    examples=[OpenApiExample("a note", value={"title": "water the plants"}, request_only=True)],
)
class Notes(generics.ListCreateAPIView):
    """One's own notes."""

    serializer_class = serializers.NoteSerializer

    def get_queryset(self):
        return Note.objects.filter(owner_id=self.request.user.pk)[:50]

    def perform_create(self, serializer):
        serializer.save(owner=self.request.user)

    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        response.setdefault("Cache-Control", "no-store")
        return response


@extend_schema(description="One note of one's own.")
class OneNote(generics.RetrieveDestroyAPIView):
    """One note of one's own."""

    serializer_class = serializers.NoteSerializer

    def get_queryset(self):
        return Note.objects.all() if has("ANYBODYS_NOTES") else Note.objects.filter(owner_id=self.request.user.pk)

    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        response.setdefault("Cache-Control", "no-store")
        return response


@extend_schema(auth=[], description="The latest notes that their owners published.")
class Published(generics.ListAPIView):
    """Published notes."""

    permission_classes = [permissions.AllowAny]
    serializer_class = serializers.NoteSerializer

    def get_queryset(self):
        return Note.objects.none()  # for the description alone

    def list(self, request, *args, **kwargs):
        return Response(cache.get_or_set("published", self._read, timeout=PUBLISHED_SECONDS))

    def _read(self):
        return self.get_serializer(Note.objects.filter(is_public=True)[:50], many=True).data


@extend_schema(description="All users, for operators.")
class Users(generics.ListAPIView):
    """All users."""

    permission_classes = [permissions.IsAdminUser]
    serializer_class = serializers.User

    def get_queryset(self):
        return get_user_model().objects.order_by("-id")[:50]


def boom(request):
    """Raises what nobody expected."""
    raise RuntimeError("an error that nobody expected")
