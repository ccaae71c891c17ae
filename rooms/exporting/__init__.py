"""Copies of rooms and of what is somebody's own: a ZIP with JSON for programs and pages for people, which
need no script, no server and nothing from anywhere else."""
