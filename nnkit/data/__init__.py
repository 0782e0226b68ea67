"""What a person passes as data, turned into arrays that training can rely on."""
