"""Tests of the judge.  wrong_07.py keeps typical wrong answers to lesson 07's tasks."""
