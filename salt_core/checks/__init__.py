"""What a training would trip over, found before it starts."""
