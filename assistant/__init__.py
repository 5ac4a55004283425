import logging

# Without it Python would print what is logged, tracebacks included, where people read answers.
logging.getLogger(__name__).addHandler(logging.NullHandler())
