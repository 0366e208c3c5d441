"""The saved model: cells embedded, matched, labelled, predicted."""
