"""What comes in and what goes out."""

from django.contrib.auth import get_user_model, password_validation
from rest_framework import serializers

from notes.models import Note


class Registration(serializers.Serializer):
    """A new user."""

    username = serializers.CharField(max_length=150, help_text="the name to log in with")
    password = serializers.CharField(max_length=128, write_only=True, help_text="at least eight characters")

    def validate_password(self, value):
        password_validation.validate_password(value)
        return value


class Credentials(serializers.Serializer):
    """Who logs in."""

    username = serializers.CharField(max_length=150, help_text="the name given at registration")
    password = serializers.CharField(max_length=128, write_only=True, trim_whitespace=False, help_text="the password")


class User(serializers.ModelSerializer):
    """A user, for itself and for operators."""

    class Meta:
        model = get_user_model()
        fields = ["id", "username", "is_staff"]
        read_only_fields = fields


class NoteSerializer(serializers.ModelSerializer):
    """A note."""

    class Meta:
        model = Note
        fields = ["id", "title", "is_public", "created"]
