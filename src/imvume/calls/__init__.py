"""Was it announced, who was on it, was it recorded?"""
