"""Pages and charts for people; they know nothing of models."""
