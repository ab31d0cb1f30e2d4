"""A campaign in pictures, for people: what is open to the truth alone, drawn beside benign traffic."""
