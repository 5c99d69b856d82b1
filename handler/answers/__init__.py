"""What is told of a text: the policy, the document, its bytes."""
